"""What a run asked, spent and won: sent to MLflow, or kept in memory."""
