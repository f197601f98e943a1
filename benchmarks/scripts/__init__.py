"""Six small scripts as people write them, each in another library and in this one."""
