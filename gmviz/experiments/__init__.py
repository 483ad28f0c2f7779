"""One experiment for each page: `run(request) -> Result`, pure in the request."""
