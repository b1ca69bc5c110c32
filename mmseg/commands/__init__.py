"""What commands do, a file each: parse, call, print. ``tools/`` and ``demo/`` are the doors that users know."""
