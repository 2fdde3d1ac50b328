"""The paper's tables and figures, measured: ours beside theirs."""
