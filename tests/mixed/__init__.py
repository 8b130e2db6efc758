"""The release before and this version on one set of stores: what either begins, either finishes."""
