"""All of Lamplight on one machine: a supervisor, the parts that it keeps running, and what comes before them."""
