"""Genes, genomes and the spaces they are drawn from. Imports numpy only."""
