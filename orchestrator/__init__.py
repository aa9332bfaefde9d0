"""The search: populations, selection, proposals, events, and their adapters to Ray and MLflow."""
