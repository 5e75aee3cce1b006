"""An invented population of films, people, ratings and tags, in the shape of MovieLens."""
