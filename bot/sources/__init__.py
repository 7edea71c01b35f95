"""Sources turn verified webhook bytes into signals. One file per vendor, one roster line each."""
