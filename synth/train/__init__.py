"""DP-SGD over Horovod ranks: each rank owns some privacy units, all take the same planned steps."""
