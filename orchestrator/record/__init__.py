"""What a tracking store should hold of a search: values made from its story, no MLflow in sight."""
