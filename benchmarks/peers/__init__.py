"""The peers: the official SDK's servers, with the same tool."""
