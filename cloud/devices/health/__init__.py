"""How sites and gates are, by what their agents report."""
