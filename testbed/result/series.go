package result

import "path/filepath"

// Bin is a line of series.csv: what happened in 100 ms. NaN (in the file: nothing) is what did not happen or was not measured.
type Bin struct {
	FromMs        float64 // since the call began
	CapacityKbit  float64 // of the video's way; NaN: no limit
	SentKbit      float64 // that entered the video's way
	DeliveredKbit float64 // that left its queue and was not lost
	FeedbackKbit  float64 // that entered the other way
	QueueDelayMs  float64 // mean of the packets that left the queue
	SignalDelayMs float64 // mean of the pictures captured in it
	SSIMdB        float64 // of the pictures shown in it that were scored
}

// BinMs is the length of a Bin in milliseconds.
const BinMs = 100

// maxBins bounds series.csv: 28 hours.
const maxBins = 1_000_000

// The columns of series.csv in order, with the decimals of each that are written. Rates are bits in the Bin over its length, in kbit/s.
var seriesColumns = []column{
	{"from_ms", 3}, {"capacity_kbit", 3}, {"sent_kbit", 3}, {"delivered_kbit", 3}, {"feedback_kbit", 3}, {"queue_delay_ms", 3}, {"signal_delay_ms", 3},
	{"ssim_db", 3},
}

// values are the fields in the order of the columns.
func (b *Bin) values() []*float64 {
	return []*float64{&b.FromMs, &b.CapacityKbit, &b.SentKbit, &b.DeliveredKbit, &b.FeedbackKbit, &b.QueueDelayMs, &b.SignalDelayMs, &b.SSIMdB}
}

// appendSeries appends series.csv to b. Bins have to be in the order of time.
func appendSeries(b []byte, series []Bin) ([]byte, error) {
	b = appendHeader(b, seriesColumns)
	for i := range series {
		bin := series[i]
		if i > 0 && !(bin.FromMs > series[i-1].FromMs) {
			return nil, orderError(i, "from_ms", bin.FromMs, series[i-1].FromMs)
		}
		var err error
		if b, err = appendLine(b, nil, seriesColumns, bin.values()); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// ReadSeries reads series.csv of a cell's folder. Errors name file and line.
func ReadSeries(folder string) ([]Bin, error) {
	var series []Bin
	err := readLines(filepath.Join(folder, SeriesFile), seriesColumns, maxBins, func(fields []string) error {
		var b Bin
		if err := parseValues(fields, seriesColumns, b.values()); err != nil {
			return err
		}
		if n := len(series); b.FromMs != b.FromMs || n > 0 && b.FromMs <= series[n-1].FromMs {
			last := -1.0
			if n > 0 {
				last = series[n-1].FromMs
			}
			return orderError(n, "from_ms", b.FromMs, last)
		}
		series = append(series, b)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return series, nil
}
