"""Weights in files and on the hub; nothing else here touches either."""
