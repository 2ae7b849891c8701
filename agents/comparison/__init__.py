"""What `agents.compare` is made of: coverages, the comparison's folder, its analysis and its report."""
