#!/bin/sh
# Prints fresh passwords for compose.yaml:  docker/new_secrets.sh > docker/.env
set -eu
fresh() {
    head -c 24 /dev/urandom | base64 | tr '+/' '-_'
}
umask 077
cat <<SECRETS
POSTGRES_PASSWORD=$(fresh)
MLFLOW_USERNAME=masga
MLFLOW_PASSWORD=$(fresh)
MLFLOW_SECRET_KEY=$(fresh)
STORE_ACCESS_KEY=masga
STORE_SECRET_KEY=$(fresh)
SECRETS
