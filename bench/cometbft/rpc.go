package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

const answerMax = 16 << 20

// rpcClient speaks JSON-RPC with one node; its connections stay open.
type rpcClient struct {
	context context.Context
	url     string
	http    http.Client
}

func newRPCClient(all context.Context, target string) *rpcClient {
	return &rpcClient{
		context: all,
		url:     "http://" + target,
		http: http.Client{
			Timeout:   commitLimit + 10*time.Second,
			Transport: &http.Transport{MaxIdleConnsPerHost: 2 * pacedMax},
		},
	}
}

type rpcRequest struct {
	Version string         `json:"jsonrpc"`
	ID      int            `json:"id"`
	Method  string         `json:"method"`
	Params  map[string]any `json:"params"`
}

type rpcAnswer struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
		Data    string `json:"data"`
	} `json:"error"`
}

func (c *rpcClient) post(request, answer any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	post, err := http.NewRequestWithContext(
		c.context, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	post.Header.Set("Content-Type", "application/json")
	response, err := c.http.Do(post)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, answerMax))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, answer); err != nil {
		return fmt.Errorf("an answer that is none: %w: %.200s", err, data)
	}
	return nil
}

// call gives the node's refusal, if it has one.
func (c *rpcClient) call(method string, params map[string]any, result any) (string, error) {
	var answer rpcAnswer
	if err := c.post(rpcRequest{"2.0", 1, method, params}, &answer); err != nil {
		return "", err
	}
	if answer.Error != nil {
		return answer.Error.Message + ": " + answer.Error.Data, nil
	}
	return "", json.Unmarshal(answer.Result, result)
}

type checked struct {
	Code uint32 `json:"code"`
	Log  string `json:"log"`
}

// submit gives, for each payment, why it was refused.
func (c *rpcClient) submit(batch []*signedPayment) ([]string, error) {
	requests := make([]rpcRequest, len(batch))
	for i, p := range batch {
		requests[i] = rpcRequest{"2.0", i, "broadcast_tx_sync", map[string]any{"tx": p.tx}}
	}
	var answers []rpcAnswer
	if err := c.post(requests, &answers); err != nil {
		return nil, err
	}
	refusals := make([]string, len(batch))
	for i := range refusals {
		refusals[i] = "no answer"
	}
	for _, answer := range answers {
		if answer.ID < 0 || answer.ID >= len(batch) {
			return nil, fmt.Errorf("an answer to request %d of %d", answer.ID, len(batch))
		}
		var result checked
		if answer.Error != nil {
			refusals[answer.ID] = answer.Error.Message + ": " + answer.Error.Data
			continue
		}
		if err := json.Unmarshal(answer.Result, &result); err != nil {
			return nil, err
		}
		refusals[answer.ID] = result.Log
		if result.Code != 0 && result.Log == "" {
			refusals[answer.ID] = fmt.Sprintf("code %d", result.Code)
		}
	}
	return refusals, nil
}

func (c *rpcClient) submitAndWait(tx []byte) (refusal string, err error) {
	var result struct {
		CheckTx  checked `json:"check_tx"`
		TxResult checked `json:"tx_result"`
	}
	refusal, err = c.call("broadcast_tx_commit", map[string]any{"tx": tx}, &result)
	if err == nil && refusal == "" && result.CheckTx.Code+result.TxResult.Code != 0 {
		refusal = result.CheckTx.Log + result.TxResult.Log
	}
	return refusal, err
}

func (c *rpcClient) waiting() (int, error) {
	var result struct {
		Count string `json:"n_txs"`
	}
	refusal, err := c.call("num_unconfirmed_txs", map[string]any{}, &result)
	if err != nil || refusal != "" {
		return 0, fmt.Errorf("num_unconfirmed_txs: %v %s", err, refusal)
	}
	return strconv.Atoi(result.Count)
}

func (c *rpcClient) progress() (progress, error) {
	var result struct {
		Response struct {
			Data string `json:"data"`
		} `json:"response"`
	}
	var p progress
	refusal, err := c.call("abci_info", map[string]any{}, &result)
	if err != nil || refusal != "" {
		return p, fmt.Errorf("abci_info: %v %s", err, refusal)
	}
	return p, json.Unmarshal([]byte(result.Response.Data), &p)
}
