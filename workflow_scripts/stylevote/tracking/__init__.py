"""Records of what was computed: code digests, the plan, unused files."""
