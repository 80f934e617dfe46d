"""Storage on disk: folders, downloads, archives, the cache of decoded images."""
