"""One module of pictures for each page: a result becomes an animation and charts."""
