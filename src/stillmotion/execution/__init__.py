"""Where work runs side by side: this machine's cores and memory, worker processes, Ray clusters. Knows no tasks."""
