"""Deployments of composed servers: manifests for wasmCloud, Spin, Kubernetes and Docker Compose."""
