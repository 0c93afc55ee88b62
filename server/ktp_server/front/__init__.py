"""The gRPC front: the server's life (app.py), the service, what is let in, messages and errors."""
