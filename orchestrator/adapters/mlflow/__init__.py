"""Searches in MLflow: their record is written, completed, and found again."""
