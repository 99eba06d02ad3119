"""Studies that ship with plantnas, one YAML file each."""
