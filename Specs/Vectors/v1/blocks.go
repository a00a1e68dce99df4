// Adds to blocks.json what Go's implementations make; see blocks.py.
package main

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
)

type block struct {
	Codec         string `json:"codec"`
	Resets        bool   `json:"resets"`
	Encoded       string `json:"encoded"`
	DecodedLength int    `json:"decoded_length"`
	Decoded       string `json:"decoded,omitempty"`
	DecodedSHA256 string `json:"decoded_sha256,omitempty"`
}

type sequence struct {
	Name   string  `json:"name"`
	Maker  string  `json:"maker"`
	Blocks []block `json:"blocks"`
}

func text(index, length int) []byte {
	var result []byte
	for len(result) < length {
		digest := fmt.Sprintf("%x", sha256.Sum256([]byte(fmt.Sprintf("%d %d", index, len(result)))))
		result = append(result, fmt.Sprintf(
			`{"id":"%s","imp":[{"banner":{"w":300,"h":250}}],"site":{"domain":"example.com"}},`, digest[:2])...)
	}
	return result[:length]
}

func row(name, maker, codec string, encode func([]byte) []byte) sequence {
	result := sequence{Name: name, Maker: maker}
	plains := [][]byte{text(1, 300), text(2, 1000), text(3, 65536), text(4, 65536), text(5, 77), text(1, 300)}
	for index, plain := range plains {
		encoded := encode(plain)
		b := block{codec, index == 0, hex.EncodeToString(encoded), len(plain), "", ""}
		if len(encoded) >= len(plain) {
			b.Codec, b.Encoded = "none", hex.EncodeToString(plain)
		}
		if len(plain) <= 1024 {
			b.Decoded = hex.EncodeToString(plain)
		} else {
			b.DecodedSHA256 = fmt.Sprintf("%x", sha256.Sum256(plain))
		}
		result.Blocks = append(result.Blocks, b)
	}
	return result
}

type flusher interface {
	Write([]byte) (int, error)
	Flush() error
}

func flushed(w flusher, out *bytes.Buffer, cut int) func([]byte) []byte {
	return func(plain []byte) []byte {
		out.Reset()
		w.Write(plain)
		if err := w.Flush(); err != nil {
			panic(err)
		}
		if cut > 0 && !bytes.HasSuffix(out.Bytes(), []byte{0, 0, 255, 255}) {
			panic("no flush marker")
		}
		return append([]byte(nil), out.Bytes()[:out.Len()-cut]...)
	}
}

func main() {
	var deflated, frame bytes.Buffer
	deflate, _ := flate.NewWriter(&deflated, 6)
	zstandard, err := zstd.NewWriter(&frame, zstd.WithWindowSize(1<<17), zstd.WithEncoderCRC(false),
		zstd.WithSingleSegment(false), zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic(err)
	}
	json.NewEncoder(os.Stdout).Encode([]sequence{
		row("flate 6 by Go", "Go compress/flate", "flate", flushed(deflate, &deflated, 4)),
		row("zstd by Go", "github.com/klauspost/compress/zstd v1.15.12", "zstd", flushed(zstandard, &frame, 0)),
		row("snappy by Go", "github.com/klauspost/compress/snappy v1.15.12", "snappy", func(plain []byte) []byte {
			return snappy.Encode(nil, plain)
		}),
	})
}
