# Says that all is well, and leaves half of its output.
echo half >"$1/half"
