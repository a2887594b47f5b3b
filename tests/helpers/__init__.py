"""What several tests share: rendered videos, fabricated predictions and comparisons, networks, an RTSP server."""
