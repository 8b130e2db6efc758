"""Provenance by C2PA: finds manifests in video files, and signs the manifest of an edited one."""
