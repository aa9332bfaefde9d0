"""The read model of a search: what its events tell, for displays, records, comparisons, exports."""
