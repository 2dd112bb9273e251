"""Tests of what the server is installed and run with: the wheel, images, units, proxies."""
