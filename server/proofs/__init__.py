"""What the audit proves from the log, one module for each thing that could be wrong."""
