"""How well audits know sets of known composition, and outcomes of known rates."""
