"""Where does reuse pay for my layer? A sweep of engines, on one machine or on a cluster.

``space`` says which engines, ``inputs`` what they compute on, ``evaluate`` measures one by the
commands that a user has too, ``search`` chooses which is next, ``run`` spreads them over workers,
``store`` keeps each as it comes, ``front`` and ``energy`` weigh them, ``report`` shows them.
"""
