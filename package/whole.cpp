// The shared library's own source: all that it has comes from the folders' archives.
