"""The only importers of ray and mlflow. An adapter translates; it decides nothing."""
