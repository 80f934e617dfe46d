"""Named constructors of domains, one file per family of data sets."""
