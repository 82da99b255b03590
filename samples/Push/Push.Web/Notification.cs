using System.ComponentModel.DataAnnotations;

namespace Push.Web;

/// <summary>What is pushed to pages, and the body of the requests to do so.</summary>
public sealed record Notification( // public, so that validation sees it
    [Required, StringLength(100)] string Title,
    [Required, StringLength(1_000)] string Text);
