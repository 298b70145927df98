"""How finely durations are told apart."""

# Seconds. A stage of a search takes from 1 ms, a search by photo 20 to 80 ms, and nobody waits longer than 10 s.
SEARCH = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
# A batch of photos takes a second, building an index or training a head minutes.
WORK = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 600)
# Most requests take 5 to 100 ms. Each bound is one more number for each view.
REQUEST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
