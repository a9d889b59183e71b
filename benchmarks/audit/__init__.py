"""Audits of sets whose composition and outcome rates are known."""
