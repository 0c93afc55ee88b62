"""The KTP OCR server: gRPC front end, pipeline, inference engines, command line."""
