package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/api"
)

func messagePath(id, rest string) string { return "/admin/messages/" + url.PathEscape(id) + rest }

// SearchMessages lists messages, with their numbers masked.
func (c *Client) SearchMessages(ctx context.Context, s api.MessageSearch) (api.Messages, error) {
	return do[api.Messages](ctx, c, call{method: http.MethodPost, path: "/admin/messages/search", body: s})
}

// Message tells a message's story.
func (c *Client) Message(ctx context.Context, id string) (api.MessageStory, error) {
	return do[api.MessageStory](ctx, c, call{method: http.MethodGet, path: messagePath(id, "")})
}

// MessagePhone gives a message's number in the clear; that is audited.
func (c *Client) MessagePhone(ctx context.Context, id string) (api.MessagePhone, error) {
	return do[api.MessagePhone](ctx, c, call{method: http.MethodPost, path: messagePath(id, "/phone")})
}

// RequeueMessage has a message tried again, once for one key.
func (c *Client) RequeueMessage(ctx context.Context, id, key string) (api.MessageChanged, error) {
	return do[api.MessageChanged](ctx, c, call{method: http.MethodPost, path: messagePath(id, "/requeue"), key: key})
}

// RefundMessage gives a message's price back, once.
func (c *Client) RefundMessage(ctx context.Context, id, key string) (api.MessageChanged, error) {
	return do[api.MessageChanged](ctx, c, call{method: http.MethodPost, path: messagePath(id, "/refund"), key: key})
}

// Callbacks lists what an app was told, newest first.
func (c *Client) Callbacks(ctx context.Context, app core.AppID, before string, limit int) (api.CallbackEvents, error) {
	return do[api.CallbackEvents](ctx, c, call{method: http.MethodGet, path: appPath(app, "/callbacks"), query: pageOf(before, limit)})
}

// Replies lists the texts that subscribers sent, newest first; app 0 is all.
func (c *Client) Replies(ctx context.Context, app core.AppID, before string, limit int) (api.Replies, error) {
	return do[api.Replies](ctx, c, call{method: http.MethodGet, path: appPath(app, "/replies"), query: pageOf(before, limit)})
}

func pageOf(before string, limit int) url.Values {
	q := url.Values{}
	if before != "" {
		q.Set("before", before)
	}
	if limit != 0 {
		q.Set("limit", strconv.Itoa(limit))
	}
	return q
}
