"""What an operator sees of the server: metrics, traces, logs. Nothing of it holds an image or a field's value."""
