"""Batches: up to 100 requests that become jobs together, or not at all.

The jobs of a batch are stored in one transaction, under ids that follow from the id of the batch. So no batch is ever
half stored: a process that is killed before the transaction has ordered nothing, and one that is killed after it has
ordered each job. The requests are published after it. If the process is killed between two of them, `reconcile`
publishes the rest, as for every job whose message was lost. The same batch again finds its jobs, and makes none.
"""
