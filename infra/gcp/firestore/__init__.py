"""The job store, the budgets and the heartbeats in Firestore."""
