"""What lungbench itself costs, against its peers: each module is a command with a `--help`."""
