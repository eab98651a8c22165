"""The video session, the image predictor and the store of sessions."""
