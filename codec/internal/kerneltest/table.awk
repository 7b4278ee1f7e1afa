# Makes the table of docs/kernels.md of what the benchmarks of kernels print (see Compare), each the fastest of its runs:
#
#	go test -run XXX -bench . -count 5 -benchtime 20ms -p 1 PACKAGES | awk -f codec/internal/kerneltest/table.awk

/^pkg: / {
	n = split($2, path, "/")
	family = path[n]
}

/ns\/op/ {
	name = $1
	sub(/^Benchmark/, "", name)
	sub(/-[0-9]+$/, "", name) # of processors
	if (!match(name, /\/(plain|baseline|avx2)$/)) next
	level = substr(name, RSTART + 1)
	name = family " " substr(name, 1, RSTART - 1)
	if (!(name in known)) {
		known[name] = 1
		order[++rows] = name
	}
	if (!((name, level) in ns) || $3 + 0 < ns[name, level]) ns[name, level] = $3 + 0
}

function cell(name, level) {
	if (!((name, level) in ns)) return "-"
	return sprintf(ns[name, level] < 100 ? "%.1f" : "%.0f", ns[name, level])
}

END {
	print "| function | plain Go | SSE2 | AVX2 | times plain Go |"
	print "|---|---:|---:|---:|---:|"
	for (i = 1; i <= rows; i++) {
		name = order[i]
		best = 0
		for (l = split("baseline avx2", levels, " "); l > 0; l--)
			if ((name, levels[l]) in ns && (!best || ns[name, levels[l]] < best)) best = ns[name, levels[l]]
		printf "| %s | %s | %s | %s | %s |\n", name, cell(name, "plain"), cell(name, "baseline"), cell(name, "avx2"),
			best ? sprintf("%.1f", ns[name, "plain"] / best) : "-"
	}
}
