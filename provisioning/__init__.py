"""The technician's tools: from a bare board to a trusted gate."""
