"""Photos of strangers are decoded in processes of their own, which may take so much time and memory and no more.

`headers` reads what a photo claims, without a decoder. `pool` sends it to a process, and watches that. `process` is
what runs there: it decodes (`pixels`) under limits that the kernel enforces.
"""
