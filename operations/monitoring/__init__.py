"""What Prometheus is told: what the processes counted (`metrics`), and what is asked at each scrape."""
