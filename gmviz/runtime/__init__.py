"""Under the pages: long work in processes of its own, fitted models on disk, compilation."""
